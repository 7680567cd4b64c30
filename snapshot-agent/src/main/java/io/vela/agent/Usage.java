package io.vela.agent;

/**
 * What a clone takes in the pool.
 *
 * @param totalBytes size of all that it references
 * @param exclusiveBytes what destroying it would free
 */
public record Usage(long totalBytes, long exclusiveBytes) {}
