// How Node ends: it waits for its threads, and frees what it has. In a forked child that would wait for threads that were never there.
// Node lets whoever embeds it decide (SetProcessExitHandler); here it is told to leave at once, with the code that it has come to.
// So errors are printed by Node itself, and exit codes are Node's own.
import { functionAddress, functionAt } from './libc.ts'
import { newCodePage } from './own-memory.ts'

/** Machine code of x86-64, the one machine on which this was tried. */
const MACHINE = 'x64'

// void exit(const any_data &, Environment **, int *code). mov edi, [rdx]; mov eax, exit_group; syscall
const EXIT = [0x8b, 0x3a, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05]
// bool copy(any_data &to, const any_data &from, int operation): there is no data. xor eax, eax; ret
const COPY = [0x31, 0xc0, 0xc3]
// void install(std::function *handler). What V8 hands out by a handle is only safe until we are back in JavaScript: so the calls
// follow each other here, the result of each is the first argument of the next, and the handler is the second argument of the last.
const PUSH_RBX_AND_KEEP_HANDLER = [0x53, 0x48, 0x89, 0xfb]
const FUNCTION_INTO_RAX = [0x48, 0xb8]
const CALL_RAX = [0xff, 0xd0]
const RESULT_TO_FIRST_ARGUMENT = [0x48, 0x89, 0xc7]
const HANDLER_TO_SECOND_ARGUMENT = [0x48, 0x89, 0xde]
const POP_RBX_AND_RETURN = [0x5b, 0xc3]
const CALLS = [
  '_ZN2v87Isolate10GetCurrentEv',
  '_ZN2v87Isolate17GetCurrentContextEv',
  '_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE',
  '_ZN4node21SetProcessExitHandlerEPNS_11EnvironmentEOSt8functionIFvS1_iEE',
]

const COPY_AT = 64
const INSTALL_AT = 128
/** std::function of libstdc++: 16 bytes of data, the function that copies, the one that calls. */
const FUNCTION = { size: 32, copy: 16, call: 24 } as const

/**
 * From now on this process, and each that is forked from it, ends without waiting, wherever Node ends it: at process.exit,
 * process.reallyExit, an error that nobody catches. Not where the event loop has nothing more to do.
 * @throws Error where this machine or this Node is not known
 */
export function exitAtOnce(): void {
  if (process.arch !== MACHINE) throw new Error(`nobody has tried a fork of Node on ${process.arch}`)
  const install = installation()
  const code = Buffer.alloc(INSTALL_AT + install.length)
  Buffer.from(EXIT).copy(code)
  Buffer.from(COPY).copy(code, COPY_AT)
  install.copy(code, INSTALL_AT)
  const page = newCodePage(code)
  const handler = Buffer.alloc(FUNCTION.size)
  handler.writeBigUInt64LE(BigInt(page + COPY_AT), FUNCTION.copy)
  handler.writeBigUInt64LE(BigInt(page), FUNCTION.call)
  functionAt<[Buffer], void>(page + INSTALL_AT, 'void (void *handler)')(handler)
}

function installation(): Buffer {
  const calls = CALLS.map((name, index) => {
    const address = Buffer.alloc(8)
    address.writeBigUInt64LE(BigInt(functionAddress(name)))
    const isLast = index === CALLS.length - 1
    return Buffer.concat([
      Buffer.from(isLast ? HANDLER_TO_SECOND_ARGUMENT : []),
      Buffer.from(FUNCTION_INTO_RAX),
      address,
      Buffer.from(CALL_RAX),
      Buffer.from(isLast ? [] : RESULT_TO_FIRST_ARGUMENT),
    ])
  })
  return Buffer.concat([Buffer.from(PUSH_RBX_AND_KEEP_HANDLER), ...calls, Buffer.from(POP_RBX_AND_RETURN)])
}
