extern "C" int plain();
extern "C" int preprocessed();

int main() { return plain() == 1 && preprocessed() == 2 ? 0 : 1; }
