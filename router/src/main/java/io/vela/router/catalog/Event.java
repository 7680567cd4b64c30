package io.vela.router.catalog;

/**
 * One line of the audit. Lines are added, never changed.
 *
 * @param kind what happened: {@code branch.created}, {@code token.minted}, …
 * @param subject the name of what it happened to
 * @param detail for a person; no secrets
 */
public record Event(String kind, String subject, String detail) {}
