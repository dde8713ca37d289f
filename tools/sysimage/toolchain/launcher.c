/* Starts a program of a sysroot through the sysroot's own dynamic loader, on a host with any libc or none.

   It stands in ROOT/usr/bin under the name of the program, which is ROOT/usr/libexec/bin/NAME. It needs no libc
   itself, and finds ROOT by the name that it is started by, so that a sandbox of links is not left. */

typedef unsigned long size;

#if defined(__x86_64__)
enum { kWrite = 1, kExecve = 59, kExit = 60, kReadlinkat = 267, kFaccessat = 269 };

static long call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall start\n");
#elif defined(__aarch64__)
enum { kWrite = 64, kExecve = 221, kExit = 93, kReadlinkat = 78, kFaccessat = 48 };

static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

__asm__(".globl _start\n_start: mov x0, sp\nbl start\n");
#else
#error "the launcher knows x86_64 and aarch64 only"
#endif

enum { kCwd = -100, kPath = 4096 };

static size length(const char* text) {
  size n = 0;
  while (text[n]) ++n;
  return n;
}

static int same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

static void say(const char* text) { call(kWrite, 2, (long)text, (long)length(text), 0); }

static void fail(const char* program, const char* why) {
  say("error: ");
  say(program);
  say(why);
  call(kExit, 127, 0, 0, 0);
  __builtin_unreachable();
}

/* Appends to the text in a buffer that ends at `end`; returns where the next text begins. */
static char* append(char* at, const char* end, const char* text) {
  while (*text) {
    if (at == end) fail(text, ": the path is too long; use a shorter one\n");
    *at++ = *text++;
  }
  return at;
}

static char buffer[4 * kPath];
static char* unused = buffer;

/* A text of three parts, which stays. */
static char* text(const char* a, const char* b, const char* c) {
  char* const start = unused;
  char* const end = buffer + sizeof(buffer) - 1;
  char* at = append(append(append(start, end, a), end, b), end, c);
  *at = 0;
  unused = at + 1;
  return start;
}

/* What gcc reads by an absolute path, whatever its options say. */
static const char* const kSpecs[] = {
    "/usr/lib/gcc/x86_64-linux-gnu/specs",
    "/usr/lib/gcc/aarch64-linux-gnu/specs",
    "/usr/lib/gcc-cross/x86_64-linux-gnu/specs",
    "/usr/lib/gcc-cross/aarch64-linux-gnu/specs",
};

void start(size* stack) __attribute__((noreturn, used));

void start(size* stack) {
  const size count = stack[0];
  char** const given = (char**)(stack + 1);
  char** const environment = given + count + 1;

  static char self[kPath];
  int named_by_path = 0;
  for (const char* c = count ? given[0] : ""; *c; ++c) named_by_path |= *c == '/';
  if (named_by_path) {
    *append(self, self + sizeof(self) - 1, given[0]) = 0;
  } else if (call(kReadlinkat, kCwd, (long)"/proc/self/exe", (long)self, sizeof(self) - 1) <= 0) {
    fail(count ? given[0] : "launcher", ": can't find its folder without /proc; start it by a path\n");
  }

  char* name = self + length(self);
  while (name > self && name[-1] != '/') --name;
  char* const program = text(name, "", "");
  *name = 0;
  char* const bin = text(self, "", "");
  char* const usr = text(bin, "../", "");

  char* arguments[count + 16];
  size n = 0;
  char* const loader = text(usr, "libexec/lib/", LOADER);
  arguments[n++] = loader;
  arguments[n++] = "--library-path";
  arguments[n++] = text(usr, "libexec/lib", "");
  arguments[n++] = "--argv0";
  arguments[n++] = text(bin, program, "");
  arguments[n++] = text(usr, "libexec/bin/", program);
  if (same(program, "gcc") || same(program, "g++") || same(program, "cpp")) {
    for (size i = 0; i < sizeof(kSpecs) / sizeof(*kSpecs); ++i) {
      if (call(kFaccessat, kCwd, (long)kSpecs[i], 0, 0) == 0) fail(kSpecs[i], ": would change what gcc does; remove it\n");
    }
    /* What it starts are launchers, too, not the programs that it would find beside itself. */
    arguments[n++] = text("-B", bin, "");
    arguments[n++] = text("-B", usr, "libexec/lib/");
    arguments[n++] = text("--sysroot=", usr, "..");
    arguments[n++] = "-no-canonical-prefixes";
  } else if (same(program, "ar") || same(program, "nm") || same(program, "ranlib")) {
    /* So that they see the symbols of objects for link-time optimization. */
    arguments[n++] = "--plugin";
    arguments[n++] = text(usr, "libexec/lib/liblto_plugin.so", "");
  }
  for (size i = 1; i < count; ++i) arguments[n++] = given[i];
  arguments[n] = 0;
  call(kExecve, (long)loader, (long)arguments, (long)environment, 0);
  fail(loader, ": can't be started; is the sysroot whole?\n");
  __builtin_unreachable();
}
