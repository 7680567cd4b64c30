package io.vela.agent.file;

/**
 * Room that plain files take, by the blocks that they have or are promised; holes take none.
 *
 * @param bytes all of them; those that two of the files share count twice
 * @param exclusiveBytes those that no other file shares
 */
public record BlockUsage(long bytes, long exclusiveBytes) {}
