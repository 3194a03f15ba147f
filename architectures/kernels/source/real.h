// Arithmetic of a step, for the host compiler and for NVRTC: free of branches and of calls, so that loops vectorise.
//
// exp and tanh go the classical way: t = n ln 2 + r with a whole number n and |r| <= ln 2 / 2, a Taylor polynomial for
// exp(r) - 1, and 2^n put into the exponent bits. Both are off by at most a few units in the last place (a test holds
// them to that); NaN stays NaN.
#pragma once

#if defined(__CUDACC__)
#define STEP_INLINE __device__ __forceinline__
typedef unsigned long long step_bits64;
#else
#include <string.h>

#include <cstdint>
#define STEP_INLINE inline __attribute__((always_inline))
typedef std::uint64_t step_bits64;
#endif

template <class T> struct Real;

template <> struct Real<float> {
    typedef unsigned Bits;
    static constexpr int mantissa = 23;
    static constexpr float rounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the low bits
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float largest = 88.0f;        // of an argument of exp
    static constexpr float saturated = 20.0f;      // tanh(x) is 1 to the last bit where 2x is larger
    static STEP_INLINE float expm1_small(float r) {
        float p = 1.98412698e-4f;
        p = p * r + 1.38888889e-3f;
        p = p * r + 8.33333333e-3f;
        p = p * r + 4.16666667e-2f;
        p = p * r + 1.66666667e-1f;
        p = p * r + 0.5f;
        return p * (r * r) + r;
    }
};

template <> struct Real<double> {
    typedef step_bits64 Bits;
    static constexpr int mantissa = 52;
    static constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double ln2_high = 6.93147180369123816490e-1, ln2_low = 1.90821492927058770002e-10;
    static constexpr double largest = 708.0;
    static constexpr double saturated = 44.0;
    static STEP_INLINE double expm1_small(double r) {
        double p = 1.0 / 6227020800.0;
        p = p * r + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        return p * (r * r) + r;
    }
};

// Splits t into the power 2^n and exp(r) - 1, so that exp(t) = power * (rest + 1).
template <class T> STEP_INLINE void split_exp(T t, T& power, T& rest) {
    typedef Real<T> R;
    typedef typename R::Bits Bits;
    const T shifted = t * T(1.44269504088896340736) + R::rounder;
    const T n = shifted - R::rounder;
    const T r = (t - n * R::ln2_high) - n * R::ln2_low;
    Bits bits;
    memcpy(&bits, &shifted, sizeof bits);
    const T one = T(1);
    Bits exponent;
    memcpy(&exponent, &one, sizeof exponent);
    exponent += bits << R::mantissa;  // what is above the whole number falls off
    memcpy(&power, &exponent, sizeof power);
    rest = R::expm1_small(r);
}

template <class T> STEP_INLINE T clamped(T x, T bound) {
    x = x > bound ? bound : x;
    return x < -bound ? -bound : x;
}

// tanh(x) = e / (e + 2) with e = exp(2 x) - 1, which keeps its digits near zero.
template <class T> STEP_INLINE T exp2x_minus_1(T x) {
    T power, rest;
    split_exp<T>(clamped(T(2) * x, Real<T>::saturated), power, rest);
    return power * rest + (power - T(1));
}

template <class T> STEP_INLINE T tanh_of(T x) {
    const T e = exp2x_minus_1(x);
    return e / (e + T(2));
}

// The derivative 1 - tanh(x)^2 beside it, as (1 - tanh(x)) (1 + tanh(x)) = 4 (e + 1) / (e + 2)^2 of |x|, which keeps its
// digits where tanh is near 1. Where tanh is 1 to the last bit the derivative is zero.
template <class T> STEP_INLINE T tanh_of(T x, T& slope) {
    const T size = x < T(0) ? -x : x;
    const T e = exp2x_minus_1(size);
    const T q = T(1) / (e + T(2));
    slope = T(2) * size > Real<T>::saturated ? T(0) : (T(4) * (e + T(1))) * (q * q);
    return x < T(0) ? -(e * q) : e * q;
}

// sigmoid(x) = 1 / (1 + exp(-x)).
template <class T> STEP_INLINE T sigmoid_of(T x) {
    T power, rest;
    split_exp<T>(clamped(-x, Real<T>::largest), power, rest);
    return T(1) / (T(1) + (power * rest + power));
}

// total += part, with what rounding takes away carried on to the next addition (Kahan, 1965).
template <class T> STEP_INLINE void add(T& total, T& carry, T part) {
    const T given = part + carry;
    const T sum = total + given;
    carry = given - (sum - total);
    total = sum;
}
