/** Holds each person to so many of something at once. */
export type Places = {
  /** Takes a place, and returns how to leave it, once; undefined where none is free. */
  take(user: string): (() => void) | undefined;
};

export function createPlaces(most: number): Places {
  const taken = new Map<string, number>();
  return {
    take: (user) => {
      const before = taken.get(user) ?? 0;
      if (before >= most) return undefined;
      taken.set(user, before + 1);
      return () => {
        const left = (taken.get(user) ?? 1) - 1;
        if (left > 0) taken.set(user, left);
        else taken.delete(user);
      };
    },
  };
}
