	.text
	.globl plain
	.type plain, @function
plain:
	movl $1, %eax
	ret
	.section .note.GNU-stack, "", @progbits
