/* The layer and its adjoint, as one would port them who has the documents and no Python:
 *     stranger SCALE X.npy Y.npy G.npy GX.npy, or recipe:SEED:SHAPE for X.npy and G.npy
 * float32, zeros beyond the ends, the last two axes, K x K weights at once like the original. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned char head[256]; long bytes, planes, rows, columns; float *x; } array;

static array read_npy(const char *path) {
    array a = {.planes = 1, .rows = 1, .columns = 1};
    FILE *file = fopen(path, "rb");
    if (!file || fread(a.head, 1, 10, file) != 10) exit(2); /* ends with the length of the rest */
    a.bytes = 10 + a.head[8] + 256 * a.head[9];
    if (a.bytes > 255 || fread(a.head + 10, a.bytes - 10, 1, file) != 1) exit(2);
    if (!strstr((char *)a.head + 10, "'<f4', 'fortran_order': False")) exit(2);
    for (char *p = strchr((char *)a.head + 10, '('); *p != ')';)
        if (*p < '0' || *p > '9') p++;
        else a.planes *= a.rows, a.rows = a.columns, a.columns = strtol(p, &p, 10);
    a.x = calloc(a.planes * a.rows * a.columns, sizeof(float));
    if (fread(a.x, a.planes * a.rows * a.columns * sizeof(float), 1, file) != 1) exit(2);
    return fclose(file), a;
}

/* recipe:SEED:LENGTH,LENGTH,...: made as the document says */
static array by_recipe(const char *text) {
    array a = {.bytes = 128, .planes = 1, .rows = 1, .columns = 1};
    char *p;
    unsigned long long seed = strtoull(text + 7, &p, 10);
    memset(a.head, ' ', 128), memcpy(a.head, "\x93NUMPY\1\0v", 10), a.head[127] = '\n';
    a.head[9] = 0;
    char *rest = (char *)a.head + 10;
    rest += sprintf(rest, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }", p + 1);
    *rest = ' ';
    while (*p++)
        a.planes *= a.rows, a.rows = a.columns, a.columns = strtol(p, &p, 10);
    long count = a.planes * a.rows * a.columns;
    a.x = calloc(count, sizeof(float));
    for (long n = 1; n <= count; n++) {
        unsigned long long z = (n + (seed << 32)) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        a.x[n - 1] = ((z ^ (z >> 31)) >> 40) * 0x1p-23f - 1;
    }
    return a;
}

static array input(const char *path) {
    return strncmp(path, "recipe:", 7) ? read_npy(path) : by_recipe(path);
}

static void write_npy(const char *path, array like, const float *x) {
    FILE *file = fopen(path, "wb");
    fwrite(like.head, like.bytes, 1, file); /* type and shape are the same, so the header is */
    fwrite(x, like.planes * like.rows * like.columns * sizeof(float), 1, file);
    fclose(file);
}

int main(int count, char **arguments) {
    if (count != 6) return 2;
    float scale = atof(arguments[1]), sigma = (1 / scale - 1) / 2, taps[999], total = 0;
    long stride = 1 / scale, radius = lrintf(4 * sigma);
    for (long k = -radius; k <= radius; k++)
        total += taps[k + radius] = expf(-k * k / (2 * sigma * sigma));
    array x = input(arguments[2]), g = input(arguments[4]);
    float *y = calloc(g.planes * g.rows * g.columns, sizeof(float));
    float *gx = calloc(x.planes * x.rows * x.columns, sizeof(float));
    for (long o = 0; o < g.planes * g.rows * g.columns; o++)
        for (long a = -radius; a <= radius; a++)
            for (long b = -radius; b <= radius; b++) {
                long plane = o / (g.rows * g.columns);
                long row = o / g.columns % g.rows * stride + a, column = o % g.columns * stride + b;
                if (row < 0 || row >= x.rows || column < 0 || column >= x.columns) continue;
                long i = (plane * x.rows + row) * x.columns + column;
                float weight = taps[a + radius] / total * (taps[b + radius] / total);
                y[o] += weight * x.x[i];
                gx[i] += weight * g.x[o]; /* the same weight the other way: the transpose */
            }
    return write_npy(arguments[3], g, y), write_npy(arguments[5], x, gx), 0;
}
