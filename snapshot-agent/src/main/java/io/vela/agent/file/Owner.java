package io.vela.agent.file;

/**
 * Who owns a file, by number: a name would have to be looked up.
 *
 * @param uid the user
 * @param gid the group
 */
public record Owner(long uid, long gid) {}
