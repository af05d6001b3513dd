/** How many commands may be under way at once: in all, and of one actor. */
export type Most = { readonly all: number; readonly actor: number };

/** Counts what is under way, so that it has a bound. */
export type Crowd = {
  /** Lets one in and tells how it leaves; or tells, in words for the sender, why there is no place. */
  enter(actor: string): { readonly leave: () => void } | { readonly full: string };
};

/** `house` are the actors who act for everybody: only the bound for all holds for them. */
export function createCrowd({ all, actor: each }: Most, house: ReadonlySet<string>): Crowd {
  const present = new Map<string, number>();
  let total = 0;

  return {
    enter: (actor) => {
      const own = present.get(actor) ?? 0;
      if (total >= all) {
        return { full: 'The server has too many commands under way. Send it again in a moment.' };
      }
      if (own >= each && !house.has(actor)) {
        return { full: `You have ${own} commands under way. Wait for their answers, then send it again.` };
      }
      total += 1;
      present.set(actor, own + 1);
      return {
        leave: () => {
          total -= 1;
          const left = (present.get(actor) ?? 1) - 1;
          if (left === 0) present.delete(actor);
          else present.set(actor, left);
        },
      };
    },
  };
}
