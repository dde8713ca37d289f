#ifndef TESTS_TOOLCHAIN_VERSIONED_H_
#define TESTS_TOOLCHAIN_VERSIONED_H_

// 41 in VERSIONED_1, 42 in VERSIONED_2, which is what programs are linked with.
extern "C" int answer();

#endif  // TESTS_TOOLCHAIN_VERSIONED_H_
