// UnICORNN, one step of one oscillator and its adjoint (Rusch and Mishra, ICML 2021):
//     z' = z - s (tanh(w y + x + b) + alpha y),  y' = y + s z'
#pragma once
#include "real.h"

template <class Number> struct UnICORNN {
    typedef Number T;
    // x; w, s, b; y, z. The output is y, and so is what is kept.
    enum { INPUTS = 1, READ_AGAIN = 1, WEIGHTS = 3, STATES = 2, CARRIES = 2 };
    T alpha, rest;  // the stiffness is their sum: rounded to T, it would shift the frequency of every oscillator

    STEP_INLINE T pulled(T f, T y) const { return alpha * y + (rest * y + f); }

    STEP_INLINE T forward(const T* x, const T* weight, T* state, T* carry) const {
        const T w = weight[0], s = weight[1], b = weight[2], y = state[0];
        add<T>(state[1], carry[1], -(s * pulled(quick_tanh(w * y + (x[0] + b)), y)));
        add<T>(state[0], carry[0], s * state[1]);
        return state[0];
    }

    STEP_INLINE static T kept(const T* state) { return state[0]; }

    // From the state after the step to the one before, whose y is known; from the gradients of the state after the
    // step (and g, of the output) to those of the state before, of x, and, added up, of the weights.
    STEP_INLINE void backward(const T* x, const T* weight, T y, T g, T* state, T* adjoint, T* carry, T* dx,
                              T* dweight) const {
        const T w = weight[0], s = weight[1], b = weight[2], z = state[1];
        T slope;
        const T force = pulled(tanh_of(w * y + (x[0] + b), slope), y);
        add<T>(adjoint[0], carry[0], g);
        const T dy = adjoint[0];
        add<T>(adjoint[1], carry[1], s * dy);
        const T dz = adjoint[1];
        const T pull = -(s * dz);  // s * alpha as one constant would err the same way at every step
        const T delta = pull * slope;
        dx[0] = delta;
        dweight[0] += delta * y;
        dweight[1] += dy * z - dz * force;
        dweight[2] += delta;
        carry[0] += pulled(w * delta, pull);  // with the next step's g; after the last one the sweep adds it
        state[0] = y;
        state[1] = z + s * force;
    }
};
