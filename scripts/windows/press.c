/* press.exe DIRECTORY PROGRAM ARGUMENTS...: runs a program on this console and presses keys for it: each time there is a file
 * DIRECTORY\press, the event that it names (break, close). Ends as the program does.
 *
 * wine 8 sends nothing but Ctrl-C by GenerateConsoleCtrlEvent, and a process group of its own hears nothing at all there. The
 * event is brought as Windows itself brings it: by a thread in the program that begins at CtrlRoutine. */
#include <windows.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

static void press(const PROCESS_INFORMATION *program, DWORD event)
{
    FARPROC routine = GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine");
    HANDLE thread = routine ? CreateRemoteThread(program->hProcess, NULL, 0, (LPTHREAD_START_ROUTINE)(void *)routine,
                                                 (void *)(ULONG_PTR)event, 0, NULL)
                            : NULL;
    if (!thread) fprintf(stderr, "press: event %lu cannot be brought: error %lu\n", event, GetLastError());
    if (thread) CloseHandle(thread);
}

int wmain(int argc, wchar_t **argv)
{
    static wchar_t line[32768], path[32768];
    STARTUPINFOW start = { sizeof(start) };
    PROCESS_INFORMATION program;
    DWORD code = 1;
    int i;

    /* None of the arguments that the tests give has a quote or ends with a backslash. */
    for (i = 2; i < argc; i++) {
        wcscat(line, i > 2 ? L" \"" : L"\"");
        wcscat(line, argv[i]);
        wcscat(line, L"\"");
    }
    swprintf(path, 32768, L"%ls\\press", argv[1]);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &program)) {
        fprintf(stderr, "press: cannot start the program: error %lu\n", GetLastError());
        return 1;
    }
    while (WaitForSingleObject(program.hProcess, 50) == WAIT_TIMEOUT) {
        char keys[16] = "";
        FILE *file = _wfopen(path, L"r");
        if (!file) continue;
        if (!fgets(keys, sizeof(keys), file)) keys[0] = 0;
        fclose(file);
        if (!keys[0]) continue;
        DeleteFileW(path);
        press(&program, !strcmp(keys, "break") ? CTRL_BREAK_EVENT : CTRL_CLOSE_EVENT);
    }
    GetExitCodeProcess(program.hProcess, &code);
    return (int)code;
}
