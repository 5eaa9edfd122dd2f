export function webPage(): { readonly html: string; readonly policy: string } {
  return { html: '<!doctype html><title>kafka-mesos</title>', policy: "default-src 'none'" };
}
