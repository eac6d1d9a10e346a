"""A report as one page of HTML, which loads nothing and runs no script.

==============  ===============================================================================
`page`          the page, from its head to its foot
`words`         verdict, findings, suspicions, notes: what is said
`measured`      the filter as the answers show it, beside the true one
`parameters`    what was measured along each axis, in a table
`charts`        taps and frequency response as drawings
`planes`        the two dimensions of arrays that are shown
`pictures`      input, answer, truth and errors of one probe
`colours`       numbers to colours, and the scales that tell how
`png`           colours as a picture in the page
`markup`        elements, with everything escaped
`style`         how it looks on screens, light and dark, and on paper
==============  ===============================================================================
"""

from .page import page_of

__all__ = ["page_of"]
