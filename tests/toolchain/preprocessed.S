#include <asm/unistd.h> /* a header of the sysroot */
#define TWO 2
	.text
	.globl preprocessed
#ifdef __aarch64__
	.type preprocessed, %function
preprocessed:
	mov w0, TWO
	ret
	.section .note.GNU-stack, "", %progbits
#else
	.type preprocessed, @function
preprocessed:
	movl $TWO, %eax
	ret
	.section .note.GNU-stack, "", @progbits
#endif
