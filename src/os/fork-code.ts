// Machine code of x86-64, because nothing may run in JavaScript between the call that makes V8's memory inheritable and the fork: whenever
// JavaScript runs, V8 may compile a function that has become hot, and map a page for it, which the child would not get.
//
// int fork_from(struct plan *plan): the child's pid, in the child 0. Otherwise -errno, -FORK_FAILED or -BETWEEN_DIED.

/** The C library's fork returned -1: errno says why. Behind all values of errno, so that those of system calls can be told from it. */
export const FORK_FAILED = 4096
export const BETWEEN_DIED = 4097

/** Where a plan has what, eight bytes each. */
export const PLAN = {
  /** Address of the stretches of memory: start and length of each. */
  stretches: 0x00,
  count: 0x08,
  /** Address of the C library's fork. */
  fork: 0x10,
  /** Where the code keeps the stack pointer of the caller. */
  stack: 0x18,
  /** The end of a stack for the process between; 0: there is to be none. */
  stackBetween: 0x20,
  /** Where the process between says who the child is. */
  pid: 0x28,
  /** Of the thread's area for restartable sequences: where it lies from the thread's record on; its length, 0 where glibc has none. */
  rseqOffset: 0x30,
  rseqLength: 0x38,
} as const

/**
 * The process between shares this one's memory, as after vfork: so page tables are copied once, not twice (measured with 150 MB: 5 ms each),
 * and it knows how to tell who the child is. It calls the C library's fork all the same, for what that does for malloc, for its own
 * record of the thread, and for whoever has asked to hear of a fork. The child goes on with the caller's stack, of which it has a copy.
 * What it does not inherit from such a parent is the kernel's registration of rseq(2).
 */
export const FORK_CODE = Buffer.from(
  [
    '53', // push rbx
    '55', // push rbp
    '4154', // push r12
    '4155', // push r13
    '4156', // push r14
    '4157', // push r15
    '4883ec08', // sub rsp, 0x8
    '4889fb', // mov rbx, rdi
    '48896318', // mov [rbx+0x18], rsp
    '4c8b23', // mov r12, [rbx]
    '4c8b6b08', // mov r13, [rbx+0x8]
    // again:
    '4d85ed', // test r13, r13
    '7427', // je forking
    '498b3c24', // mov rdi, [r12]
    '498b742408', // mov rsi, [r12+0x8]
    'ba0b000000', // mov edx, MADV_DOFORK
    'b81c000000', // mov eax, SYS_madvise
    '0f05', // syscall
    '4983c410', // add r12, 0x10
    '49ffcd', // dec r13
    '83f8f4', // cmp eax, -ENOMEM: there are holes, and the rest is done
    '74da', // je again
    '85c0', // test eax, eax
    '74d6', // je again
    'eb46', // jmp out
    // forking:
    '488b7320', // mov rsi, [rbx+0x20]
    '4885f6', // test rsi, rsi
    '0f848d000000', // je direct
    'c74328ffefffff', // mov [rbx+0x28], -BETWEEN_DIED
    'bf00410000', // mov edi, CLONE_VM | CLONE_VFORK
    '31d2', // xor edx, edx
    '4531d2', // xor r10d, r10d
    '4531c0', // xor r8d, r8d
    'b838000000', // mov eax, SYS_clone
    '0f05', // syscall
    '4885c0', // test rax, rax
    '7428', // je between
    '7817', // js out
    '4889c7', // mov rdi, rax
    '31f6', // xor esi, esi
    'ba00000040', // mov edx, __WALL: it ends without a signal
    '4531d2', // xor r10d, r10d
    'b83d000000', // mov eax, SYS_wait4
    '0f05', // syscall
    '8b4328', // mov eax, [rbx+0x28]
    // out:
    '4883c408', // add rsp, 0x8
    '415f', // pop r15
    '415e', // pop r14
    '415d', // pop r13
    '415c', // pop r12
    '5d', // pop rbp
    '5b', // pop rbx
    'c3', // ret
    // between:
    'ff5310', // call [rbx+0x10]
    '85c0', // test eax, eax
    '7413', // je grandchild
    '7905', // jns forked
    'b800f0ffff', // mov eax, -FORK_FAILED
    // forked:
    '894328', // mov [rbx+0x28], eax
    '31ff', // xor edi, edi
    'b8e7000000', // mov eax, SYS_exit_group
    '0f05', // syscall
    // grandchild:
    '488b6318', // mov rsp, [rbx+0x18]
    '8b7338', // mov esi, [rbx+0x38]
    '85f6', // test esi, esi
    '741c', // je born
    '64488b3c2500000000', // mov rdi, fs:0x0
    '48037b30', // add rdi, [rbx+0x30]
    '31d2', // xor edx, edx
    '41ba53300553', // mov r10d, the signature that glibc uses
    'b84e010000', // mov eax, SYS_rseq
    '0f05', // syscall
    // born:
    '31c0', // xor eax, eax
    'ebac', // jmp out
    // direct:
    'ff5310', // call [rbx+0x10]
    '85c0', // test eax, eax
    '79a5', // jns out
    'b800f0ffff', // mov eax, -FORK_FAILED
    'eb9e', // jmp out
  ].join(''),
  'hex',
)
