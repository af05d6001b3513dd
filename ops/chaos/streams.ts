import { type Envelope, hashOf } from '../../domain/event.js';

/** What is wrong with streams: gaps or doublets in their versions, broken chains, times that run backwards. */
export function streamFaults(events: readonly Envelope[]): readonly string[] {
  const last = new Map<string, Envelope>();
  return events.flatMap((event) => {
    const { stream, version, at, previous } = event;
    const before = last.get(stream);
    last.set(stream, event);
    const faults: string[] = [];
    // The chain of what came after a gap is broken with it.
    if (version !== (before?.version ?? 0) + 1) faults.push(`has version ${version} after ${before?.version ?? 0}`);
    else if (previous !== (before ? hashOf(before) : '')) faults.push(`breaks its chain at ${version}`);
    if (before && at < before.at) faults.push(`has a version ${version} that is older than the one before it`);
    return faults.map((fault) => `${stream} ${fault}`);
  });
}
