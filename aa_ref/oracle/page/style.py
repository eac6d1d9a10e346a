"""How the page looks: on wide and narrow screens, light and dark, and on paper."""

from .markup import Markup

__all__ = ["STYLE"]

_LIGHT = """
  --paper: #ffffff; --card: #f6f7f9; --ink: #1a1d21; --faint: #59616b; --line: #d5d9de;
  --true: #0063a8; --seen: #c44900; --good: #0a6b45; --bad: #b3261e; --open: #7a5b00;
  --folded: #f1eef5;
"""
_DARK = """
  --paper: #15181c; --card: #1e2227; --ink: #e8eaed; --faint: #a3acb7; --line: #3a4149;
  --true: #62b5f0; --seen: #ff9a4d; --good: #55d39b; --bad: #ff8a80; --open: #f0c75e;
  --folded: #24202c;
"""

STYLE = Markup(
    """<style>
:root {"""
    + _LIGHT
    + """}
@media (prefers-color-scheme: dark) { :root {"""
    + _DARK
    + """} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace;
  unicode-bidi: isolate; }
.of { color: var(--faint); font-weight: normal; }
.verdict { font-size: 1.2rem; font-weight: 600; }
.verdict .sign { display: inline-block; width: 1.7em; height: 1.7em; line-height: 1.7em;
  border-radius: 50%; text-align: center; color: var(--paper); margin-right: .3em; }
.good { color: var(--good); } .good .sign { background: var(--good); }
.bad { color: var(--bad); } .bad .sign { background: var(--bad); }
.open { color: var(--open); } .open .sign { background: var(--open); }
.meter { width: min(26rem, 100%); height: .6rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .3rem; overflow: hidden; }
.meter i { display: block; height: 100%; min-width: 2px; background: var(--good); }
.ends { display: flex; justify-content: space-between; width: min(26rem, 100%);
  color: var(--faint); font-size: .8rem; }
.convention { border-left: 4px solid var(--seen); background: var(--card);
  padding: .6rem .9rem; margin: 1rem 0; }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--bad);
  border-radius: .4rem; padding: .25rem 1rem .75rem; margin: .75rem 0; }
article h3 { margin-top: .6rem; }
.example { color: var(--faint); font-size: .92rem; }
pre { margin: .5rem 0 0; padding: .7rem .9rem; overflow-x: auto; background: var(--paper);
  border: 1px solid var(--line); border-radius: .3rem; font-size: .82rem; line-height: 1.45; }
.key { display: flex; gap: 1.5rem; }
.key svg { width: 34px; height: 16px; vertical-align: -2px; }
.charts { display: grid; gap: 1rem 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.chart { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  fill: var(--faint); }
svg .title { fill: var(--ink); }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
.grid { stroke: var(--line); stroke-width: .7; }
.axis { stroke: var(--faint); stroke-width: 1; }
.stem { stroke: var(--true); stroke-width: 1.4; opacity: .55; }
.ring { fill: none; stroke: var(--true); stroke-width: 1.6; }
.dot { fill: var(--seen); }
.away { stroke: var(--seen); stroke-width: 3; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve.true { stroke: var(--true); stroke-width: 3.2; opacity: .75; }
.curve.seen { stroke: var(--seen); stroke-width: 1.6; stroke-dasharray: 6 3; }
.nyquist { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 2 3; }
.folded { fill: var(--folded); }
.hover { fill: transparent; }
.hover:hover { fill: var(--ink); fill-opacity: .09; }
details { margin: .25rem 0 .75rem; } summary { cursor: pointer; color: var(--faint); }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem 1.1rem .25rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: normal; }
.wide { overflow-x: auto; }
.wrong { color: var(--bad); }
.pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(10rem, 45%), 1fr)); }
.bands { display: grid; gap: 1rem; }
.bands .scale { max-width: 16rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .82rem; line-height: 1.4; margin-top: .35rem; }
.pixels { width: 100%; height: auto; display: block; overflow: visible;
  outline: 1px solid var(--line); }
.pixels image, .scale image { image-rendering: pixelated; }
.mark { fill: none; vector-effect: non-scaling-stroke; }
.mark.outer { stroke: #ffffff; stroke-width: 4; }
.mark.inner { stroke: #000000; stroke-width: 2; }
.scale { width: 100%; height: auto; display: block; margin-top: .35rem; }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line);
  color: var(--faint); font-size: .85rem; max-width: 46rem; }
@media print {
  :root {"""
    + _LIGHT
    + """}
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  article, figure, .chart, table { break-inside: avoid; } h2, h3 { break-after: avoid; }
  pre { white-space: pre-wrap; } details:not([open]) { display: none; }
  .charts { grid-template-columns: 1fr 1fr; } .pictures { grid-template-columns: repeat(4, 1fr); }
}
</style>"""
)
