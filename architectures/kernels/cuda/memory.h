// What every kernel here needs: the types that the options name (variants.py), bfloat16 in memory, the number of a thread.
#pragma once
#include "../source/real.h"

#if defined(__CUDACC__)
#define PARALLEL extern "C" __global__ void
#endif

typedef long long Index;

// bfloat16 in memory: the upper half of a float, rounded to the nearest even one.
struct Brain {
    unsigned short bits;
};

template <class S> STEP_INLINE S from_memory(const S* at) {
#if defined(__CUDACC__)
    return __ldg(at);  // for what no thread of this launch writes
#else
    return *at;
#endif
}

STEP_INLINE float widened(Brain value) {
    const unsigned bits = unsigned(value.bits) << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}
STEP_INLINE float widened(float value) { return value; }
STEP_INLINE double widened(double value) { return value; }

template <class S> STEP_INLINE auto read(const S* at) { return from_memory(at); }
STEP_INLINE float read(const Brain* at) { return widened(Brain{from_memory(&at->bits)}); }

template <class S, class V> STEP_INLINE void write(S* at, V value) { *at = value; }
STEP_INLINE void write(Brain* at, float value) {
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    at->bits = static_cast<unsigned short>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

STEP_INLINE unsigned thread_number() { return blockIdx.x * blockDim.x + threadIdx.x; }

typedef SWEEP_T T;
typedef SWEEP_IN In;
typedef SWEEP_OUT Out;
