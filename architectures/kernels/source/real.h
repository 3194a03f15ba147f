// Arithmetic of a step, for the host compiler and for NVRTC: free of branches and of calls, so that loops vectorise.
//
// exp goes the classical way: t = n ln 2 + r with a whole number n and |r| <= ln 2 / 2, a Taylor polynomial for
// exp(r) - 1, and 2^n put into the exponent bits; tanh and the sigmoid follow from it. All are off by at most a few units
// in the last place (a test holds them to that); NaN stays NaN.
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

// a / b for b up to 2^126, where a GPU may be off by two units in the last place and needs no test of the range.
template <class T> STEP_INLINE T quotient(T a, T b) { return a / b; }
#if defined(__CUDACC__)
template <> STEP_INLINE float quotient(float a, float b) { return __fdividef(a, b); }
#endif

template <class T> STEP_INLINE T clamped(T x, T bound) {
    x = x > bound ? bound : x;
    return x < -bound ? -bound : x;
}

// tanh(x) = e / (e + 2) with e = exp(2 x) - 1, which keeps its digits near zero.
template <class T> STEP_INLINE T tanh_of(T x) {
    T power, rest;
    split_exp<T>(clamped(T(2) * x, Real<T>::saturated), power, rest);
    const T e = power * rest + (power - T(1));
    return quotient<T>(e, e + T(2));
}

// The derivative 1 - tanh(x)^2 beside it, as (1 - tanh(x)) (1 + tanh(x)) of |x| with 1 - tanh(x) = 2 / (e + 2), which
// keeps its digits where tanh is near 1.
template <class T> STEP_INLINE T tanh_of(T x, T& slope) {
    const T most = Real<T>::saturated, size = T(2) * (x < T(0) ? -x : x);
    T power, rest;
    split_exp<T>(size > most ? most : size, power, rest);
    const T e = power * rest + (power - T(1)), q = quotient<T>(T(1), e + T(2)), value = e * q, less = q + q;
    slope = size > most ? T(0) : less * value + less;  // zero where tanh is 1 to the last bit
    return x < T(0) ? -value : value;
}

// tanh with fewer operations, and with twice the rounding error, where there is nothing else to wait for: x P(x^2) / Q(x^2).
// Its largest relative error up to 9.02, from where on tanh is 1 in float32, is the least that polynomials of these degrees
// can have, 4.2e-8 (by Remez' exchange); the arithmetic adds a few units in the last place.
STEP_INLINE float quick_tanh(float x) {
    x = clamped(x, 8.5f);
    const float u = x * x;
    float p = 1.3112163e-8f;
    p = p * u + 2.0441448e-5f;
    p = p * u + 3.4859169e-3f;
    p = p * u + 1.3373112e-1f;
    p = p * u + 1.0f;
    float q = 7.6791605e-7f;
    q = q * u + 3.2694161e-4f;
    q = q * u + 2.5840875e-2f;
    q = q * u + 4.6706438e-1f;
    q = q * u + 1.0f;
    return quotient(x * p, q);
}

STEP_INLINE double quick_tanh(double x) { return tanh_of(x); }

// sigmoid(x) = 1 / (1 + exp(-x)); where a quotient needs more than it has, it is 0 in float32 on a GPU anyway.
template <class T> STEP_INLINE T sigmoid_of(T x) {
    T power, rest;
    split_exp<T>(clamped(-x, Real<T>::largest), power, rest);
    return quotient<T>(T(1), T(1) + (power * rest + power));
}

// total += part, with what rounding takes away carried on to the next addition (Kahan, 1965).
template <class T> STEP_INLINE void add(T& total, T& carry, T part) {
    const T given = part + carry;
    const T sum = total + given;
    carry = given - (sum - total);
    total = sum;
}
