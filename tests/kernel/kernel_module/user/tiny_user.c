/* A module that needs another one of the same build. */

#include "tiny.h"

#include <linux/module.h>

static int __init tiny_user_init(void)
{
	pr_info("%s\n", tiny_source());
	return 0;
}

static void __exit tiny_user_exit(void)
{
}

module_init(tiny_user_init);
module_exit(tiny_user_exit);
MODULE_DESCRIPTION("Uses a module of the same build");
MODULE_LICENSE("GPL");
