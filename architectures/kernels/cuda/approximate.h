// With fast_math: tanh by the hardware, off by up to 2^-11, and the sigmoid by it. Between real.h and the steps.
#pragma once
#include "../source/real.h"

STEP_INLINE float approximate_tanh(float x) {
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
STEP_INLINE double approximate_tanh(double x) { return tanh_of(x); }

template <> STEP_INLINE float tanh_of<float>(float x) { return approximate_tanh(x); }
template <> STEP_INLINE float tanh_of<float>(float x, float& slope) {
    const float value = approximate_tanh(x);
    slope = 1.0f - value * value;
    return value;
}
template <> STEP_INLINE float sigmoid_of<float>(float x) { return 0.5f * approximate_tanh(0.5f * x) + 0.5f; }

#define quick_tanh approximate_tanh
