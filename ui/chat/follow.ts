import { createSignal, onCleanup } from 'solid-js';

/** Nearer to the end than this, in px, the page follows what comes. */
const PINNED = 60;
/** Further from the end than this, in px, there is a way back to it. */
const AWAY = 200;

/** Keeps a growing page at its end, until somebody scrolls up. Everything is in px. */
export type Follow = {
  readonly away: () => boolean;
  /** Watches what grows inside of what scrolls. */
  attach(scroller: HTMLElement, content: HTMLElement): void;
  scrolled(): void;
  /** A gesture that leads upwards: from now on the page stays where it is. */
  release(): void;
  toEnd(behavior?: ScrollBehavior): void;
  /** Runs a change above what one reads, without moving it. Returns by how much the page grew. */
  holding(change: () => Promise<void>): Promise<number>;
};

export function createFollow(): Follow {
  const [away, setAway] = createSignal(false);
  let scroller: HTMLElement | undefined;
  let following = true;
  let holds = false;
  let top = 0;

  const gap = (): number => (scroller ? scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight : 0);
  const toEnd = (behavior: ScrollBehavior = 'instant'): void => {
    following = true;
    scroller?.scrollTo({ top: scroller.scrollHeight, behavior });
  };

  return {
    away,
    toEnd,
    attach: (element, content) => {
      scroller = element;
      const grown = new ResizeObserver(() => {
        if (following && !holds) toEnd();
        setAway(gap() > AWAY);
      });
      grown.observe(content);
      grown.observe(element);
      onCleanup(() => grown.disconnect());
    },
    scrolled: () => {
      if (!scroller || holds) return;
      // The scrollbar makes no gesture that one could see, but only people scroll up.
      if (scroller.scrollTop < top - 1) following = false;
      top = scroller.scrollTop;
      if (gap() <= PINNED) following = true;
      setAway(gap() > AWAY);
    },
    release: () => {
      if (gap() > 0 || (scroller && scroller.scrollTop > 0)) following = false;
    },
    holding: async (change) => {
      const from = scroller ? scroller.scrollHeight - scroller.scrollTop : 0;
      const height = scroller?.scrollHeight ?? 0;
      holds = true;
      try {
        await change();
      } finally {
        if (scroller) scroller.scrollTop = scroller.scrollHeight - from;
        top = scroller?.scrollTop ?? 0;
        holds = false;
      }
      return (scroller?.scrollHeight ?? 0) - height;
    },
  };
}
