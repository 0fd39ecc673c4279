/* A vmrun.exe for the tests here, by what its directory holds:
 *
 *   hang   it never answers, and writes into `console` how many programs share its console and whether it has a window;
 *   else   it is an old one: it says its version, runs nothing, and knows no command that lists networks. */
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

static wchar_t directory[32768];

static FILE *beside(const wchar_t *name, const wchar_t *mode)
{
    static wchar_t path[32768];
    swprintf(path, 32768, L"%ls\\%ls", directory, name);
    return _wfopen(path, mode);
}

int wmain(int argc, wchar_t **argv)
{
    const wchar_t *command = argc > 3 ? argv[3] : L"";
    FILE *file;
    GetModuleFileNameW(NULL, directory, 32767);
    *wcsrchr(directory, L'\\') = 0;
    if ((file = beside(L"hang", L"r"))) {
        DWORD list[16];
        fclose(file);
        if ((file = beside(L"console", L"w"))) {
            fprintf(file, "%lu %s\n", GetConsoleProcessList(list, 16), IsWindowVisible(GetConsoleWindow()) ? "visible" : "hidden");
            fclose(file);
        }
        Sleep(600000);
        return 1;
    }
    if (argc < 2) {
        printf("\r\nvmrun version 1.15.0 build-4048748\r\n\r\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\r\n");
        return -1;
    }
    if (!wcscmp(command, L"list")) {
        printf("Total running VMs: 0\r\n");
        return 0;
    }
    printf("Error: Unrecognized command: %ls\r\n", command);
    return -1;
}
