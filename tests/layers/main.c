/* The program around one layer; that it links is the test (see meson.build beside this file). */
int main(void)
{
    return 0;
}
