import type { CommandClient } from '../../../commands/client/client.js';
import type { Log } from '../../../commands/log/log.js';
import type { Snapshots } from '../../../commands/snapshots/snapshots.js';
import type { ChannelRules } from './channel.js';
import type { Disk } from './log.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';

/** A mistake is planted by wrapping what a part of the world is given. The code under test knows nothing of it. */
export type Mistake = {
  readonly says: string;
  readonly log?: (log: Log, place: Place) => Log;
  readonly snapshots?: (snapshots: Snapshots, place: Place) => Snapshots;
  readonly channel?: Partial<ChannelRules>;
  readonly client?: (client: CommandClient, place: Place) => CommandClient;
  readonly reactor?: (client: CommandClient, place: Place) => CommandClient;
};

export type Place = { readonly process: Process; readonly scene: Scene; readonly disk: Disk };

export const mistakes: Readonly<Record<string, Mistake>> = {};
