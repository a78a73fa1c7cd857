// Every error a user can meet: sentence, how to mend it, exit code of the command line, status of the HTTP API.
// `{name}` is filled in from the error's detail, `{count:error}` as `1 error` or `2 errors`. docs/reference/errors.md is made from this table.

export interface ErrorRow {
  readonly message: string
  readonly hint: string
  /** When it occurs, for the reference page, where the message alone does not say. */
  readonly about?: string
  readonly exit: number
  readonly http: number
}

const usage = { exit: 2, http: 400 } as const
const failed = { exit: 1, http: 409 } as const

export const ERRORS = {
  // --- command line and targets
  HF_USAGE: {
    message: '{problem}',
    about: 'A verb, flag or argument that the command line does not know.',
    hint: 'See: holdfast{verb} --help',
    ...usage,
  },
  HF_NOT_AVAILABLE: {
    message: '{what} is not available yet',
    hint: 'It is planned; see docs/not-yet.md.',
    exit: 1,
    http: 501,
  },
  HF_TARGET_UNKNOWN: {
    message: 'nothing matches "{target}"',
    hint: 'Known services: {known}',
    exit: 2,
    http: 404,
  },
  HF_UNREACHABLE: {
    message: 'no supervisor is running{where}',
    hint: 'Start it with: holdfast up{config}',
    exit: 5,
    http: 503,
  },
  HF_SOCKET_GONE: {
    message: 'the supervisor (pid {pid}) runs, but its socket {socket} is gone',
    hint: 'End it with: holdfast down, which then asks by a signal.',
    exit: 5,
    http: 503,
  },
  HF_NO_ANSWER: {
    message: 'the supervisor{who} did not answer within {limit}{state}',
    about: 'Its process is stopped (SIGSTOP, a debugger) or hangs.',
    hint: '{mend}',
    exit: 5,
    http: 504,
  },
  HF_CONNECTION_LOST: {
    message: 'the supervisor ended the connection before it had answered',
    hint: 'Look with: holdfast status',
    exit: 5,
    http: 502,
  },
  HF_PERMISSION: {
    message: '{problem}',
    about: 'The control socket, or what was asked for, is not for this user.',
    hint: '{mend}',
    exit: 4,
    http: 403,
  },
  HF_TIMED_OUT: {
    message: 'not done within {timeout}; it goes on in the supervisor',
    hint: 'Look with: holdfast status',
    exit: 124,
    http: 504,
  },
  HF_TIMED_OUT_UNANSWERED: {
    message: 'the supervisor{who} did not answer within {limit}{state}',
    about: 'As HF_NO_ANSWER, where `--timeout` ended the waiting.',
    hint: '{mend}',
    exit: 124,
    http: 504,
  },
  HF_INTERRUPTED: {
    message: 'interrupted; {what}',
    about: 'Ctrl-C while a command waits: that ends the waiting, not what the supervisor does.',
    hint: 'Look with: holdfast status',
    exit: 130,
    http: 504,
  },
  HF_LOG_RAW: {
    message:
      '{file} holds the output as it came (raw), without time, worker and stream: what was said {asked} cannot be told from it',
    hint: 'Leave out --since, --stream and single workers, or let the service write to its log (stdout: log).',
    exit: 2,
    http: 400,
  },
  // --- operations
  HF_ROLLOUT_IN_PROGRESS: {
    message: '{service}: rollout in progress since {since}',
    hint: 'Wait for its end, or let this one replace it: --replace.',
    ...failed,
  },
  HF_DEPENDENTS_UP: {
    message: '{service}: still needed by {dependents}',
    hint: 'Stop those first, or use --with-dependents.',
    ...failed,
  },
  HF_NOT_RUNNING: { message: '{target} is not running', hint: 'Start it with: holdfast start {target}', ...failed },
  HF_OPERATION_FAILED: { message: '{verb} failed: {services}', hint: 'Ask: holdfast why {first}', ...failed },
  HF_FAILOVER_REFUSED: {
    message: '{service} can not be switched: {why}',
    about: 'A planned switch needs a main that works here, and a standby that waits.',
    hint: 'Look with: holdfast status {service}',
    ...failed,
  },
  HF_SLOTS_FIXED: {
    message: '{service} has slots: the number of its workers is mains + standbys',
    hint: 'Change slots in the config; then holdfast down, and holdfast up.',
    ...failed,
  },
  HF_GOING_DOWN: {
    message: 'the supervisor is going down',
    hint: 'When it is gone, start it again with: holdfast up',
    ...failed,
  },
  HF_APPLY_IN_PROGRESS: { message: 'an apply is in progress', hint: 'Wait for its end, then try again.', ...failed },
  HF_APPLY_REFUSED: {
    message: '{key} can not be changed while the supervisor runs',
    hint: 'Take the change back, or run holdfast down, then holdfast up.',
    ...failed,
  },
  // --- starting the supervisor
  HF_ALREADY_RUNNING: {
    message: 'a supervisor (pid {pid}) already runs this config',
    hint: 'Use holdfast apply to take over changes, or holdfast down first.',
    ...failed,
  },
  HF_RUNTIME_DIR_TAKEN: {
    message: 'the runtime directory {dir} belongs to another config: {config}',
    hint: 'Set `name` (or `runtimeDir`) in one of the two configs.',
    ...failed,
  },
  HF_DIRECTORY_SHARED: {
    message: '{key} {dir} is in use by the supervisor (pid {pid}) of another config: {config}',
    about: 'Both would write the same logs and the same journal.',
    hint: 'Give one of the two configs a directory of its own, as {key}: log/{name}',
    ...failed,
  },
  HF_WORKERS_ALIVE: {
    message: 'workers of a supervisor that died are still running: {workers}',
    hint: 'End them and start afresh with: holdfast up --clean. Or only end them with: holdfast down',
    ...failed,
  },
  HF_LEFT_RUNNING: {
    message: 'still running: {workers}',
    hint: 'Look at these processes with ps: one in state D hangs in the kernel, mostly for a disk.',
    ...failed,
  },
  HF_START_FAILED: {
    message: 'the supervisor ended while it was starting',
    hint: 'Its log is {log}. {words}',
    ...failed,
  },
  HF_DIRECTORY: { message: '{what} {dir}: {problem}', hint: '{mend}', ...failed },
  HF_LOCK_NETWORK: {
    message: 'the lock directory {dir} is on a network file system ({type})',
    about: 'Its locks do not hold on other machines, or are lost with the connection.',
    hint: 'Give the lock a directory on a local disk: locks: { NAME: { directory: … } }.',
    ...failed,
  },
  HF_LOCK_BACKEND: {
    message: 'the lock directory {dir} is used for locks of another kind ({found})',
    hint: 'Give the lock a directory of its own.',
    ...failed,
  },
  HF_LOCK_SLOTS: {
    message: 'the lock directory {dir} is in use with {found}, and here it is {own}',
    about:
      'Another supervisor has a service that contends for the same lock: each would look at other slots than the other one.',
    hint: 'Write the same mains and standbys for all who contend for it, or end the others first: {holders}.',
    ...failed,
  },
  HF_LOCK_COUNTER: {
    message: 'the lock directory {dir}: its file counter holds no token',
    about: 'Somebody has written to it, or the disk lost it.',
    hint: 'Write a number of ten digits into it that is above every token given so far.',
    ...failed,
  },
  HF_LOCK_PROGRAM: {
    message: '{program}(1), with which standbys wait for locks, is not there',
    hint: 'Install util-linux.',
    ...failed,
  },
  HF_SOCKET_BIND: { message: 'socket {socket}: cannot listen on {listen}: {problem}', hint: '{mend}', ...failed },
  HF_PLATFORM: {
    message: '{problem}',
    about: 'The system lacks a function that Holdfast needs.',
    hint: 'Holdfast needs Linux with glibc 2.29 or later.',
    ...failed,
  },
  // --- configuration
  HF_CONFIG_NOT_FOUND: {
    message: 'no config file{where}',
    hint: 'Name one with -c FILE, or write holdfast.yaml: services: { web: { command: node server.js } }',
    ...usage,
  },
  HF_CONFIG_INVALID: { message: '{count:error} in {file}', hint: 'Mend the file, then try again.', ...usage },
  HF_CONFIG_RELOAD: {
    message: 'the config could not be read again: {problem}',
    hint: 'See what is wrong with: holdfast check',
    ...failed,
  },
  HF_HOOK_FAILED: {
    message: '{hook} failed: {problem}',
    about:
      'A function of a program with a server in it has thrown, or has not ended in time: `config`, `initialize`, `beforeRun` or `reloadConfig`.',
    hint: '{mend}',
    ...failed,
  },
  HF_CONFIG_FILE: {
    message: '{problem}',
    about: 'The config can not be read: missing, a directory, binary, not UTF-8, larger than 10 MB.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_SYNTAX: {
    message: '{problem}',
    about: 'The text is neither JSON nor YAML, its aliases expand to too much, or it is nested too deep.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_MODULE: {
    message: '{problem}',
    about: 'A config module threw, hung, ended early, or gave something that is not plain data.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_INCLUDE: {
    message: '{problem}',
    about: 'An included file can not be read, or the pattern looks through too many files.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_VARIABLE: {
    message: '{problem}',
    about: 'A `${VARIABLE}` is not set and has no default, or is not written as one.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_UNKNOWN_KEY: {
    message: 'unknown key "{key}"',
    about: 'A key that Holdfast does not know at this place.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_MISSING: { message: '"{key}" is missing', about: 'A key that must be there.', hint: '{mend}', ...usage },
  HF_CONFIG_TYPE: {
    message: 'expected {expected}, found {found}',
    about: 'A value of the wrong kind.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_VALUE: {
    message: '{problem}',
    about:
      'A value of the right kind that can not be used: a bad duration, size, address, octal number, regular expression, path.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_NAME: {
    message: '{problem}',
    about: 'A name of a service, socket, tag or supervisor that is not allowed.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_REFERENCE: {
    message: 'unknown {what} "{name}"',
    about: 'A service, socket or signal that does not exist.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_DUPLICATE: {
    message: '{what} "{name}" stands here a second time; the first is at {first}',
    about: 'A key twice in one object, or a service or socket in two files.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_CYCLE: {
    message: '{what} in a circle: {circle}',
    about: 'Dependencies or includes that lead back to where they began.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_CONFLICT: { message: '{problem}', about: 'Values that can not stand together.', hint: '{mend}', ...usage },
  HF_CONFIG_NOT_YET: {
    message: '{key} is not available yet',
    hint: 'Take it out; what is planned stands in docs/not-yet.md.',
    ...usage,
  },
  HF_CONFIG_HOST: {
    message: '{problem}',
    about: 'This machine lacks what the config needs: a command, a user, a directory, a free address.',
    hint: '{mend}',
    ...usage,
  },
  HF_CONFIG_WARNING: {
    message: '{problem}',
    about: 'Not an error: something that is probably not meant.',
    hint: '{mend}',
    ...usage,
  },
  // --- control API
  HF_BAD_REQUEST: {
    message: '{problem}',
    about: 'A request to the control API that is not understood.',
    hint: 'See docs/control-api.md.',
    ...usage,
  },
  HF_SLOW_CLIENT: {
    message: 'the connection was closed: the client does not read its events',
    hint: 'Read faster, or ask for fewer targets.',
    exit: 1,
    http: 503,
  },
  HF_BUSY: { message: 'too many connections at once', hint: 'Try again in a moment.', exit: 1, http: 503 },
  HF_NO_ROUTE: { message: 'no such path: {method} {path}', hint: 'See docs/control-api.md.', exit: 2, http: 404 },
  HF_INTERNAL: {
    message: 'internal error: {problem}',
    hint: 'This is a bug in Holdfast; please report it.',
    exit: 1,
    http: 500,
  },
} as const satisfies Record<string, ErrorRow>

/** Each error has one: see [errors.md](errors.md). */
export type ErrorCode = keyof typeof ERRORS
