import { spawn } from 'node:child_process';

/** Ends the watched processes when this one is gone, also by kill -9. */
export interface Guard {
  watch(pid: number): void;
  forget(pid: number): void;
  close(): void;
}

/** Reads `+ <pid>` and `- <pid>`; at the end of its input, when the emulator is gone, it kills what is left. */
const SCRIPT = `pids=" "
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) case "$pids" in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done`;

/**
 * A shell of about 1 MB that waits for our end. An environment also ends itself when its channel closes, but one
 * that is in an endless loop never reads its channel.
 */
export function newGuard(): Guard {
  if (process.platform === 'win32') {
    return { watch: () => undefined, forget: () => undefined, close: () => undefined };
  }
  // A session of its own: Ctrl-C must not end the guard before the guarded.
  const shell = spawn('sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  const say = (line: string): void => {
    if (shell.stdin.writable) shell.stdin.write(`${line}\n`);
  };
  return {
    watch: (pid) => say(`+ ${pid}`),
    forget: (pid) => say(`- ${pid}`),
    close: () => void shell.stdin.end(),
  };
}
