package io.vela.proxy.auth;

import io.vela.config.AuthConfig;
import io.vela.router.route.BranchAddress;

/**
 * Who asks to be let in, and how.
 *
 * @param user as the client gave it, a token's id included
 * @param address what it asked for
 * @param security what protects its connection
 * @param allowed how clients of its listener may prove who they are
 */
public record AuthRequest(
    String user, BranchAddress address, ConnectionSecurity security, AuthConfig allowed) {}
