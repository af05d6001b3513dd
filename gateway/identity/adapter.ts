import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { ProviderRows } from './accounts.js';

/** How oidc-provider keeps its sessions, grants and tokens: one adapter per kind of row. `now` in ms since 1970. */
export const rowAdapter =
  (rows: ProviderRows, now: () => number) =>
  (kind: string): Adapter => {
    const find = async (by: 'id' | 'uid', value: string): Promise<AdapterPayload | undefined> =>
      rows.get(kind, by, value);
    return {
      upsert: async (id, payload, ttl) => {
        rows.put(kind, id, { payload, grant: payload.grantId, uid: payload.uid, ttl });
      },
      find: (id) => find('id', id),
      findByUid: (uid) => find('uid', uid),
      findByUserCode: async () => undefined, // The device flow is off.
      destroy: async (id) => rows.remove(kind, id),
      revokeByGrantId: async (grant) => rows.removeGrant(grant),
      consume: async (id) => {
        const payload = await find('id', id);
        if (!payload) return;
        const { exp } = payload;
        const consumed = Math.floor(now() / 1_000);
        const ttl = exp === undefined ? undefined : exp - consumed;
        rows.put(kind, id, { payload: { ...payload, consumed }, grant: payload.grantId, uid: payload.uid, ttl });
      },
    };
  };
