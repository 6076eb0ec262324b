// The one failure of a provider that is worth another try.

/** No definite answer: the provider is away, slow, busy or talks nonsense. Whether it acted is unknown. */
export class ProviderUnavailable extends Error {
  constructor(provider: string, text: string, options?: { cause?: unknown }) {
    super(`${provider}: ${text}`, options);
    this.name = 'ProviderUnavailable';
  }
}
