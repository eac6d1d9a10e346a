/* A stand-in for NVIDIA's driver, libcuda.so.1: enough of it for Numba to load a kernel that it has
 * compiled, and for a call to be watched. Two devices of compute capability 9.0, whose memory is the
 * host's. No kernel runs: `stand_in_watch` names who sees each launch, and what it answers. The
 * environment may set STAND_IN_VERSION, for instance 12090, and STAND_IN_DEVICES. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALL(name, ...) __attribute__((visibility("default"))) int name(__VA_ARGS__)

typedef unsigned long long address;

/* The names of the calls made since the last look, each with a space after it. */
static char called[1 << 16];
static void note(const char *name) {
    if (strlen(called) + strlen(name) + 2 < sizeof called) strcat(strcat(called, name), " ");
}
__attribute__((visibility("default"))) void stand_in_called(char *into, size_t size) {
    snprintf(into, size, "%s", called);
    called[0] = 0;
}

static int contexts[2]; /* primary contexts, by device */
static __thread void *stack[16];
static __thread int depth; /* of the thread's stack; its current context is the last */

CALL(cuInit, unsigned flags) { return 0; }
static int told(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}
CALL(cuDriverGetVersion, int *version) { return *version = told("STAND_IN_VERSION", 13000), 0; }
CALL(cuDeviceGetCount, int *count) { return *count = told("STAND_IN_DEVICES", 2), 0; }
CALL(cuDeviceGet, int *device, int number) { return *device = number, 0; }
CALL(cuDeviceGetName, char *name, int size, int device) {
    return snprintf(name, size, "Stand-in"), 0;
}
CALL(cuDeviceGetUuid_v2, char *uuid, int device) { return memset(uuid, device, 16), 0; }
CALL(cuDeviceGetAttribute, int *value, int attribute, int device) {
    switch (attribute) {
        case 16: return *value = 132, 0; /* multiprocessors */
        case 75: return *value = 9, 0;   /* compute capability */
        case 76: return *value = 0, 0;
        default: return *value = 1, 0;
    }
}
CALL(cuDevicePrimaryCtxRetain, void **context, int device) {
    return note(__func__), *context = &contexts[device], 0;
}
CALL(cuDevicePrimaryCtxGetState, int device, unsigned *flags, int *active) {
    return *flags = 0, *active = 1, 0;
}
CALL(cuDevicePrimaryCtxRelease_v2, int device) { return 0; }
CALL(cuCtxGetCurrent, void **context) {
    return note(__func__), *context = depth ? stack[depth - 1] : NULL, 0;
}
CALL(cuCtxSetCurrent, void *context) {
    note(__func__);
    if (!depth) depth = 1;
    return stack[depth - 1] = context, 0;
}
CALL(cuCtxPushCurrent_v2, void *context) { return note(__func__), stack[depth++] = context, 0; }
CALL(cuCtxPopCurrent_v2, void **context) {
    note(__func__);
    if (!depth) return 201;
    return *context = stack[--depth], 0;
}
CALL(cuCtxGetDevice, int *device) {
    note(__func__);
    if (!depth) return 201; /* CUDA_ERROR_INVALID_CONTEXT */
    return *device = (int)((int *)stack[depth - 1] - contexts), 0;
}
CALL(cuCtxSynchronize, void) { return note(__func__), 0; }
CALL(cuMemGetInfo_v2, size_t *available, size_t *total) {
    return *available = *total = (size_t)1 << 36, 0;
}
CALL(cuMemAlloc_v2, address *memory, size_t size) {
    return note(__func__), *memory = (address)aligned_alloc(512, (size + 511) / 512 * 512), 0;
}
CALL(cuMemFree_v2, address memory) { return note(__func__), free((void *)memory), 0; }
CALL(cuMemcpyHtoD_v2, address to, const void *from, size_t size) {
    return note(__func__), memcpy((void *)to, from, size), 0;
}
CALL(cuMemcpyDtoH_v2, void *to, address from, size_t size) {
    return note(__func__), memcpy(to, (void *)from, size), 0;
}
CALL(cuMemcpyHtoDAsync_v2, address to, const void *from, size_t size, void *stream) {
    return note(__func__), memcpy((void *)to, from, size), 0;
}
CALL(cuMemcpyDtoHAsync_v2, void *to, address from, size_t size, void *stream) {
    return note(__func__), memcpy(to, (void *)from, size), 0;
}
CALL(cuMemcpyDtoD_v2, address to, address from, size_t size) {
    return note(__func__), memmove((void *)to, (void *)from, size), 0;
}
CALL(cuMemcpyDtoDAsync_v2, address to, address from, size_t size, void *stream) {
    return note(__func__), memmove((void *)to, (void *)from, size), 0;
}
CALL(cuStreamSynchronize, void *stream) { return note(__func__), 0; }
/* An event is the host's time in nanoseconds when it was recorded. */
CALL(cuEventCreate, long long **event, unsigned flags) {
    return *event = calloc(1, sizeof **event), 0;
}
CALL(cuEventRecord, long long *event, void *stream) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return *event = now.tv_sec * 1000000000LL + now.tv_nsec, 0;
}
CALL(cuEventSynchronize, long long *event) { return 0; }
CALL(cuEventElapsedTime_v2, float *milliseconds, long long *begin, long long *end) {
    return *milliseconds = (float)(1e-6 * (double)(*end - *begin)), 0;
}
CALL(cuEventElapsedTime, float *milliseconds, long long *begin, long long *end) {
    return cuEventElapsedTime_v2(milliseconds, begin, end);
}
CALL(cuEventDestroy_v2, long long *event) { return free(event), 0; }
CALL(cuGetErrorName, int error, const char **name) { return *name = "an error", 0; }
CALL(cuGetErrorString, int error, const char **text) { return *text = "an error", 0; }
CALL(cuLibraryLoadData, void **library, const void *code, void *a, void *b, unsigned c, void *d,
     void *e, unsigned f) {
    return note(__func__), *library = malloc(1), 0;
}
CALL(cuLibraryUnload, void *library) { return 0; }
CALL(cuLibraryGetKernel, void **kernel, void *library, const char *name) {
    return *kernel = strdup(name), 0; /* its name is its handle */
}
CALL(cuKernelGetAttribute, int *value, int attribute, void *kernel, int device) {
    return *value = attribute == 3 ? 0 : 32, 0; /* 3: local memory, in bytes */
}

typedef int (*watcher)(const char *kernel, unsigned grid[3], unsigned block[3], unsigned shared,
                       void *stream, void **arguments, void **extra, int device);
static watcher watch;
__attribute__((visibility("default"))) void stand_in_watch(watcher who) { watch = who; }

CALL(cuLaunchKernel, const char *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
     unsigned by, unsigned bz, unsigned shared, void *stream, void **arguments, void **extra) {
    unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
    note(__func__);
    if (!depth) return 201;
    int device = (int)((int *)stack[depth - 1] - contexts);
    return watch ? watch(kernel, grid, block, shared, stream, arguments, extra, device) : 0;
}

CALL(cuGetProcAddress_v2, const char *name, void **function, int version, address flags,
     int *status) {
    static void *self;
    char newer[200];
    Dl_info here;
    if (!self) {
        dladdr((void *)cuInit, &here);
        self = dlopen(here.dli_fname, RTLD_NOW);
    }
    snprintf(newer, sizeof newer, "%s_v2", name);
    *function = dlsym(self, newer);
    if (!*function) *function = dlsym(self, name);
    if (status) *status = *function ? 0 : 1;
    return *function ? 0 : 500; /* CUDA_ERROR_NOT_FOUND */
}
CALL(cuGetProcAddress, const char *name, void **function, int version, address flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
