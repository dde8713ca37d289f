"""Stage boot: system images in virtual machines. It runs outside of build actions."""
