// A certificate that signs itself, for receivers in tests: of localhost and hooks.example, from 2020 to 2120.

/** Nobody else trusts it, so its key is no secret. */
export const testCertificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUiLNDrzDmQ+j1Cls
Lgk9K+OCbgfFhO3b7KUM1xnOCzChRANCAASNHZowM2J3IVLAVTO0rCyEBnguj7Xg
2JrQwKqtXt+niasXaD7RnHF8/13l8aJN6L+yxUGAsanDJauuB7caanie
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBezCCASCgAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5Pbmx5IGZv
ciB0ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUG
A1UEAwwOT25seSBmb3IgdGVzdHMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASN
HZowM2J3IVLAVTO0rCyEBnguj7Xg2JrQwKqtXt+niasXaD7RnHF8/13l8aJN6L+y
xUGAsanDJauuB7caanieo1cwVTAPBgNVHRMBAf8EBTADAQH/MCMGA1UdEQQcMBqC
CWxvY2FsaG9zdIINaG9va3MuZXhhbXBsZTAdBgNVHQ4EFgQUEPkuAKO0LY1mjbar
cBTZl9MkBeAwCgYIKoZIzj0EAwIDSQAwRgIhAJ7q2VeS53RFCZh4hADTLdDAarFe
XyjHoM8bl0b3lW0+AiEAu/J9OHcSRqrlHlv2Eunh8vJx4V/5SOEN3HegRMsYpoA=
-----END CERTIFICATE-----
`,
};
