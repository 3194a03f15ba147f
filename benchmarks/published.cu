// UnICORNN's recurrence as the published kernel computes it, for comparison only: one thread a chain, constants as
// doubles, so that every step is calculated in double precision, y and z worked out again backwards from the last ones,
// the slope of tanh by cosh, and the gradients of the weights added up by atomic operations. Written anew from the
// description of that kernel. Forward in blocks of 512 threads, backward of 256.
#if defined(__CUDACC__)
#define PARALLEL extern "C" __global__ void
#else
#include <cmath>
static void atomicAdd(float* to, float value) { *to += value; }
#endif

typedef long long Index;

PARALLEL published_forward(const float* x, const float* w, const float* c, const float* y0, const float* z0,
                           float* output, float* y_last, float* z_last, double dt, double alpha, Index length,
                           Index batch, Index width) {
    const Index chains = batch * width, chain = Index(blockIdx.x) * blockDim.x + threadIdx.x;
    if (chain >= chains) return;
    const float weight = w[chain % width], sigmoid = 1.0f / (1.0f + expf(-c[chain % width]));
    float y = y0[chain], z = z0[chain];
    for (Index t = 0; t < length; ++t) {
        z -= dt * sigmoid * (tanh(weight * y + x[t * chains + chain]) + alpha * y);
        y += dt * sigmoid * z;
        output[t * chains + chain] = y;
    }
    y_last[chain] = y;
    z_last[chain] = z;
}

// `d_w` and `d_c` begin as zeros.
PARALLEL published_backward(const float* x, const float* w, const float* c, const float* y_last, const float* z_last,
                            const float* d_output, float* d_x, float* d_w, float* d_c, float* d_y0, float* d_z0,
                            double dt, double alpha, Index length, Index batch, Index width) {
    const Index chains = batch * width, chain = Index(blockIdx.x) * blockDim.x + threadIdx.x;
    if (chain >= chains) return;
    const float weight = w[chain % width], sigmoid = 1.0f / (1.0f + expf(-c[chain % width]));
    float y = y_last[chain], z = z_last[chain], dy = 0, dz = 0, dw = 0, dsigmoid = 0;
    for (Index t = length - 1; t >= 0; --t) {
        const float in = x[t * chains + chain];
        dy += d_output[t * chains + chain];
        dz += dt * sigmoid * dy;
        dsigmoid += dt * z * dy;
        y -= dt * sigmoid * z;  // that of the step before
        const double pull = tanh(weight * y + in) + alpha * y, slope = cosh(weight * y + in);
        z += dt * sigmoid * pull;
        dsigmoid -= dt * pull * dz;
        const float delta = -dt * sigmoid * dz / (slope * slope);
        d_x[t * chains + chain] = delta;
        dw += delta * y;
        dy += delta * weight - dt * sigmoid * alpha * dz;
    }
    d_y0[chain] = dy;
    d_z0[chain] = dz;
    atomicAdd(d_w + chain % width, dw);
    atomicAdd(d_c + chain % width, dsigmoid * sigmoid * (1 - sigmoid));
}
