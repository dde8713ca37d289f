// Link-time optimization: `unknown` exists nowhere, and only what sees both files can tell that nobody calls it.

int three();
int unknown();

int main() { return three() == 3 ? 0 : unknown(); }
