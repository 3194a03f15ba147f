// coRNN, one step of an oscillator and its adjoint (Rusch and Mishra, ICLR 2021): with f = tanh(Wz z + W y + x),
//     z' = keep z - spring y + push f,  y' = y + dt z'
//
// What couples the oscillators, the products with Wz and W, lies between two steps: matrix.h has it on the CPU, cuBLAS on
// a GPU. A Value is a number, or a vector of them.
#pragma once
#include "real.h"

template <class T> struct CoRNNStep {
    T dt, keep, spring, push;

    template <class Value> STEP_INLINE void advance(Value f, Value& y, Value& z) const {
        z = keep * z - spring * y + push * f;
        y = y + dt * z;
    }

    // With u and v for the gradients of y and z after the step, delta is the gradient of what the tanh is taken of:
    //     v += dt u,  delta = push v (1 - f^2)
    template <class Value> STEP_INLINE Value delta(Value f, Value u, Value& v) const {
        v += dt * u;
        return push * v * (T(1) - f * f);
    }

    // From there to the gradients before the step, but for W' delta, which belongs to u, and Wz' delta, to v.
    template <class Value> STEP_INLINE void before(Value& u, Value& v) const {
        u = u - spring * v;
        v = keep * v;
    }
};
