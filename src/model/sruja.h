#pragma once

#include <string_view>

#include "base/result.h"
#include "model/architecture.h"
#include "model/sruja_tokens.h"

namespace quipu {

/// Reads a model in the Sruja DSL, in either of its forms:
///
///   container = kind "Container"                      architecture "Title" {
///   Shop = system "Shop" {                              system Shop "Shop" {
///     API = container "API" { technology "Go" }           container API "API" { technology "Go" }
///   }                                                   }
///   User -> Shop.API "Calls"                            User -> API "Calls"
///                                                     }
///
/// A relation may name an element by what is seen from its block: its own id there, the whole path, or an id that only
/// one element has. What this program has no use for (overview, views, styles, metadata, objectives) is read over, with
/// its brackets and strings checked. Everything else that is not known is refused: a misspelt property is an error.
///
/// Errors are kRefused, kTooLarge for a bound; they begin with `line:column: ` and say what was expected and what was
/// found. Pure.
Result<Architecture> read_architecture(std::string_view text, const SrujaLimits& limits = {});

}  // namespace quipu
