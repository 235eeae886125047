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

# quipu_embed_folder(page page/page_files.h page_files): what a browser reads in src/page, by name, as that function of
# the library: a span of PageFile.
function(quipu_embed_folder name header function)
  set(folder ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.html ${folder}/*.css ${folder}/*.js ${folder}/*.svg)
  list(SORT files)
  set(rows "")
  foreach(file IN LISTS files)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    cmake_path(GET file FILENAME base)
    cmake_path(GET file EXTENSION LAST_ONLY extension)
    string(APPEND rows "    {\"${base}\", page_content_type(\"${extension}\"), R\"embedded(${text})embedded\"},\n")
  endforeach()
  set(output ${CMAKE_BINARY_DIR}/${function}.cc)
  file(GENERATE OUTPUT ${output} CONTENT
"#include \"${header}\"

namespace quipu {
std::span<const PageFile> ${function}() {
  static const PageFile kFiles[] = {
${rows}  };
  return kFiles;
}
}  // namespace quipu
")
  target_sources(quipu_${name} PRIVATE ${output})
endfunction()
