import { connect } from 'node:net';

// One request of Kafka's protocol by hand, to know when a broker serves, without a client that would retry, wait and
// remember.

/** How long a broker may take to answer, in ms. */
const PATIENCE = 2000;

/** Metadata, version 1, correlation 1, no client id, no topics. */
const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);

/** The ports of the brokers that the one on this port of 127.0.0.1 knows to serve. Rejects if it does not answer. */
export function brokersSeenBy(port: number): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PATIENCE });
    let got = Buffer.alloc(0);
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 4 || got.length < 4 + got.readInt32BE(0)) return;
      socket.destroy();
      resolve(portsIn(got));
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer from port ${port}`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} hung up`)));
  });
}

/** The answer: size, correlation, then a list of id, host, port and rack. */
export function portsIn(answer: Buffer): readonly number[] {
  let at = 8;
  const skipText = (): void => {
    at += 2 + Math.max(0, answer.readInt16BE(at));
  };
  const count = answer.readInt32BE(at);
  at += 4;
  return Array.from({ length: count }, () => {
    at += 4;
    skipText();
    const port = answer.readInt32BE(at);
    at += 4;
    skipText();
    return port;
  });
}
