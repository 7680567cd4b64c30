package io.vela.agent;

/**
 * How far an import is.
 *
 * @param phase what is being done, for a person: "copying", "preparing", "freezing"
 * @param doneBytes bytes done in this phase
 * @param totalBytes bytes to do, 0 when unknown
 */
public record ImportProgress(String phase, long doneBytes, long totalBytes) {}
