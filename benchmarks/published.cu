// UnICORNN's recurrence as the published kernel computes it, for comparison only: one thread a chain; pointers that do not
// overlap; dt and alpha as doubles, so that the updates of the states and of their gradients are calculated in double
// precision, while tanh and cosh are those of float; y and z worked out again backwards from the last ones, the slope of
// tanh by cosh; a loop backward that is left in the middle, so that it is not unrolled; gradients of the weights added up
// by atomic operations. Written anew from the description of that kernel. Forward in blocks of 512 threads, backward of
// 256. The published one gives no gradients of the first states: here they are two stores after the loop.
#if defined(__CUDACC__)
#define PARALLEL extern "C" __global__ void
#define DEVICE __forceinline__ __device__
#else
#include <cmath>
using std::cosh;
using std::tanh;
static void atomicAdd(float* to, float value) { *to += value; }
#define DEVICE inline
#endif

DEVICE float sigmoid(float x) { return float(1.0 / (1.0 + exp(-x))); }
DEVICE float sigmoid_slope(float x) { return float(exp(-x) / ((1.0 + exp(-x)) * (1.0 + exp(-x)))); }
DEVICE float slope_of_tanh(float x) { return 1 / (cosh(x) * cosh(x)); }

PARALLEL published_forward(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ c,
                           const float* __restrict__ y0, const float* __restrict__ z0, float* __restrict__ output,
                           float* __restrict__ y_last, float* __restrict__ z_last, double dt, double alpha, int length,
                           int batch, int width) {
    const int chains = batch * width, chain = blockIdx.x * blockDim.x + threadIdx.x;
    if (chain >= chains) return;
    const float weight = w[chain % width], own = c[chain % width];
    float y = y0[chain], z = z0[chain];
    x += chain, output += chain;
    for (int t = 0; t < length; ++t) {
        z -= dt * sigmoid(own) * (tanh(y * weight + *x) + alpha * y);
        y += dt * sigmoid(own) * z;
        *output = y;
        x += chains, output += chains;
    }
    y_last[chain] = y;
    z_last[chain] = z;
}

// `d_w` and `d_c` begin as zeros.
PARALLEL published_backward(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ c,
                            const float* __restrict__ y_last, const float* __restrict__ z_last,
                            const float* __restrict__ d_output, float* __restrict__ d_x, float* __restrict__ d_w,
                            float* __restrict__ d_c, float* __restrict__ d_y0, float* __restrict__ d_z0, double dt,
                            double alpha, int length, int batch, int width) {
    const int chains = batch * width, chain = blockIdx.x * blockDim.x + threadIdx.x;
    if (chain >= chains) return;
    const float weight = w[chain % width], own = c[chain % width];
    const int last = chain + (length - 1) * chains;
    x += last, d_x += last, d_output += last;
    float y = y_last[chain], z = z_last[chain], dy = *d_output, dz = 0, dw = 0, dc = 0;
    for (int t = length - 1; t >= 0; --t) {
        const float of_dt = dy * dt * sigmoid_slope(own) * z;
        y = y - dt * sigmoid(own) * z;  // that of the step before
        z = z + dt * sigmoid(own) * (tanh(y * weight + *x) + alpha * y);
        dz += dy * dt * sigmoid(own);
        dw -= dz * dt * sigmoid(own) * slope_of_tanh(y * weight + *x) * y;
        dc += of_dt - dz * (dt * sigmoid_slope(own) * (tanh(y * weight + *x) + alpha * y));
        *d_x = -dz * dt * sigmoid(own) * slope_of_tanh(y * weight + *x);
        const float before = -dz * dt * sigmoid(own) * (slope_of_tanh(y * weight + *x) * weight + alpha);
        if (t == 0) {
            dy += before;
            break;
        }
        d_output -= chains;
        dy += before + *d_output;
        x -= chains, d_x -= chains;
    }
    d_y0[chain] = dy;
    d_z0[chain] = dz;
    atomicAdd(d_w + chain % width, dw);
    atomicAdd(d_c + chain % width, dc);
}
