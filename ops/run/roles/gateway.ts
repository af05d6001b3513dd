import type { Uuid } from '../../../domain/ids.js';
import type { Services } from '../../../gateway/context.js';
import { createDocuments } from '../../../gateway/documents/documents.js';
import { readManifest } from '../../../gateway/documents/manifest.js';
import { repeatHeads } from '../../../gateway/live/heads.js';
import { createPipeline } from '../../../gateway/pipeline.js';
import { type Gateway, type GatewayOptions, startGateway } from '../../../gateway/server.js';
import { createStanding } from '../../../gateway/standing.js';
import { createVerifier } from '../../../gateway/tokens.js';
import type { Config } from '../config.js';

export type GatewayRoleOptions = Omit<GatewayOptions, 'pipeline' | 'verify' | 'standing' | 'onFault'> &
  Pick<Config, 'documents' | 'introspection' | 'verboseErrors'> & {
    readonly services: Omit<Services, 'heads'>;
    readonly partitions: number;
    /** Where people's ids come from, together with the issuer's subjects. */
    readonly namespace: Uuid;
    readonly newId: () => Uuid;
    /** Told what went wrong on our side, in lines for whoever runs it. */
    readonly say: (line: string) => void;
    /** Told of what only holds something up. */
    readonly onTrouble: (error: unknown) => void;
  };

/** What serves people: GraphQL over POST and sockets, and the page. On which stores it stands it does not know. */
export async function startGatewayRole(options: GatewayRoleOptions): Promise<Gateway> {
  const { services, partitions, metrics, issuer, namespace, now, newId, say, onTrouble } = options;
  const { core, sessions } = services;
  const heads = repeatHeads({ core, partitions, onFailure: onTrouble });
  const standing = createStanding({ core, partitions, sessions, onTrouble });
  const onFault = (id: string, error: unknown): void => {
    metrics.faults.inc();
    say(`fault ${id}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const gateway = await startGateway({
    ...options,
    pipeline: createPipeline({
      services: { ...services, heads },
      standing,
      documents: createDocuments({ manifest: readManifest(), arbitrary: options.documents === 'any', now }),
      introspection: options.introspection,
      verbose: options.verboseErrors,
      newId,
      onFault,
    }),
    standing,
    onFault: (error) => onFault(newId(), error),
    verify: createVerifier({ issuer, namespace, now }),
  });
  const stop = (): void => {
    heads.stop();
    standing.stop();
  };
  return {
    ...gateway,
    drain: (window) => gateway.drain(window).finally(stop),
    close: () => gateway.close().finally(stop),
  };
}
