	.text
	.globl plain
	.type plain, %function
plain:
	mov w0, 1
	ret
	.section .note.GNU-stack, "", %progbits
