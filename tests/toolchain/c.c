/* C: the library of mathematics, long double, complex numbers, the kernel's headers, thread-local storage. */

#include <complex.h>
#include <linux/version.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Thread_local int counter;

int main(int argc, char** argv) {
  (void)argv;
  atomic_int_fast64_t atomic = argc;
  const double complex root = csqrt(-1.0 * argc);
  counter += (int)atomic_fetch_add(&atomic, 2);
  /* An object must not know when it was made. */
  const int redacted = strcmp(__DATE__, "redacted") == 0 && strcmp(__TIME__, "redacted") == 0;
  printf("%d %.3f %.3f\n", counter, cimag(root), sin(argc));
  return counter == 1 && cimag(root) == 1.0 && LINUX_VERSION_CODE > 0 && redacted ? 0 : 1;
}
