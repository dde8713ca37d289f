/* A module that imports symbols of the kernel, says where its source is, and exports a symbol for the other one. */

#include "tiny.h"

#include <linux/module.h>
#include <linux/slab.h>

static void *memory;

const char *tiny_source(void)
{
	return __FILE__;
}
EXPORT_SYMBOL_GPL(tiny_source);

static int __init tiny_init(void)
{
	memory = kmalloc(16, GFP_KERNEL);
	return memory ? 0 : -ENOMEM;
}

static void __exit tiny_exit(void)
{
	kfree(memory);
}

module_init(tiny_init);
module_exit(tiny_exit);
MODULE_DESCRIPTION("The rule kernel_module on its own");
MODULE_LICENSE("GPL");
MODULE_FIRMWARE("tiny/1.bin");
