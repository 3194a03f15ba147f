// The grid and the blocks of a CUDA launch as loops, for a host compiler: a thread after the other, in a given order.
#include <cstddef>
#include <utility>

struct Three {
    unsigned x;
};
static Three blockIdx, threadIdx, blockDim;

#define PARALLEL static void

// As a launch by the driver takes them: the address of every argument.
template <class... A, std::size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A*>(arguments[I])...);
}

// Writes the size of every argument and returns how many there are; runs nothing.
template <class... A> int sizes_of(void (*)(A...), int* sizes) {
    const int found[] = {int(sizeof(A))...};
    for (std::size_t i = 0; i < sizeof...(A); ++i) sizes[i] = found[i];
    return sizeof...(A);
}

template <class... A>
void over_grid(void (*kernel)(A...), unsigned grid, unsigned block, bool reversed, void** arguments) {
    blockDim.x = block;
    for (unsigned number = 0; number < grid * block; ++number) {
        const unsigned thread = reversed ? grid * block - 1 - number : number;
        blockIdx.x = thread / block, threadIdx.x = thread % block;
        call(kernel, arguments, std::index_sequence_for<A...>());
    }
}

#define EMULATED(kernel)                                                                                          \
    extern "C" int kernel##_sizes(int* sizes) { return sizes_of(kernel, sizes); }                                 \
    extern "C" void kernel##_launch(unsigned grid, unsigned block, bool reversed, void** arguments) {             \
        over_grid(kernel, grid, block, reversed, arguments);                                                      \
    }
