// When a webhook that was not delivered is tried again: soon at first, then every few hours, for three days.

/** In seconds. */
const firstDelay = 5;
const growth = 4;
const delayMax = 8 * 3600;

/** Up to a third is left off, so that what failed together does not come back together. */
const jittered = (seconds: number, random: number) => seconds * (1 - random / 3);

/**
 * Seconds until the next attempt, after `attempts` that failed; undefined: that was the last one. The last
 * one is made when time is up, so that three days mean three days.
 */
export function nextAttemptSeconds(
  attempts: number,
  secondsLeft: number,
  random = Math.random(),
): number | undefined {
  if (secondsLeft <= 0) return undefined;
  const delay = jittered(Math.min(firstDelay * growth ** (attempts - 1), delayMax), random);
  return Math.min(delay, secondsLeft);
}

/**
 * Seconds for which a delivery steps back because its endpoint fails for others: half of its age, so that a
 * long backlog knocks seldom, and what is new soon.
 */
export function stepBackSeconds(
  ageSeconds: number,
  pausedSeconds: number,
  secondsLeft: number,
  random = Math.random(),
): number {
  const delay = Math.max(pausedSeconds, Math.min(ageSeconds / 2, 3600));
  return Math.max(0, Math.min(delay * (1 + random / 3), secondsLeft));
}
