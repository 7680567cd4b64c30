package io.vela.config;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * How clients of one listener may prove who they are.
 *
 * @param methods those that are allowed
 * @param certificateRoles which roles a client certificate may be used for, by the common name or
 *     the whole distinguished name (RFC 2253) of its subject; when empty, the role whose name is
 *     the common name, and no other
 */
public record AuthConfig(Set<Method> methods, Map<String, List<String>> certificateRoles) {
  /** Passwords and branch tokens. */
  public static final AuthConfig DEFAULT =
      new AuthConfig(EnumSet.of(Method.SCRAM, Method.MD5, Method.TOKEN), Map.of());

  /** A way to prove who one is. */
  public enum Method {
    /** A password, by SCRAM-SHA-256, over TLS also bound to the channel. */
    SCRAM,
    /** A password, by md5, where the role still has such a hash. */
    MD5,
    /** A branch token, in either form. */
    TOKEN,
    /** A client certificate, for whoever presents one; then no password is asked. */
    CERT,
    /** Nothing: whoever connects is believed. On loopback addresses only. */
    TRUST;

    /**
     * @throws IllegalArgumentException for anything but the names in lower case
     */
    static Method parse(String text) {
      for (var method : values()) {
        if (method.toString().equals(text)) {
          return method;
        }
      }
      throw new IllegalArgumentException(
          "\"" + text + "\" is no method; expected one of scram, md5, token, cert, trust");
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * @throws IllegalArgumentException without a method
   */
  public AuthConfig {
    if (methods.isEmpty()) {
      throw new IllegalArgumentException("expected at least one method");
    }
    methods = Set.copyOf(methods);
    var copy = new LinkedHashMap<String, List<String>>();
    certificateRoles.forEach((subject, roles) -> copy.put(subject, List.copyOf(roles)));
    certificateRoles = java.util.Collections.unmodifiableMap(copy);
  }

  /** Whether this method is allowed. */
  public boolean allows(Method method) {
    return methods.contains(method);
  }
}
