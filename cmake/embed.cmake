# quipu_embed(http docs/openapi.json http/openapi.h openapi_text): the file's text as that function of the library.
function(quipu_embed name file header function)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  set(output ${CMAKE_BINARY_DIR}/${function}.cc)
  file(GENERATE OUTPUT ${output} CONTENT
"#include \"${header}\"

namespace quipu {
std::string_view ${function}() { return R\"embedded(${text})embedded\"; }
}  // namespace quipu
")
  target_sources(quipu_${name} PRIVATE ${output})
endfunction()
