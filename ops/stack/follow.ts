import { closeSync, existsSync, openSync, readSync } from 'node:fs';

/** How often a log is looked at, in ms. */
const EVERY = 200;

/** Tells every line that is written to a file from now on, the whole of it where it is not yet there. Returns its end. */
export function follow(file: string, onLine: (line: string) => void): () => void {
  const buffer = Buffer.alloc(64 << 10);
  const decoder = new TextDecoder();
  let at = 0;
  let rest = '';
  const look = (): void => {
    if (!existsSync(file)) return;
    const fd = openSync(file, 'r');
    try {
      for (let got = readSync(fd, buffer, 0, buffer.length, at); got > 0;) {
        at += got;
        const lines = `${rest}${decoder.decode(buffer.subarray(0, got), { stream: true })}`.split('\n');
        rest = lines.pop() ?? '';
        lines.forEach(onLine);
        got = readSync(fd, buffer, 0, buffer.length, at);
      }
    } finally {
      closeSync(fd);
    }
  };
  const timer = setInterval(look, EVERY);
  return () => {
    clearInterval(timer);
    look();
    if (rest) onLine(rest);
  };
}
