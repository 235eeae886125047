//! Values as bytes, both ways: C++ knows the columns, the driver only where each value begins and ends.

use scylla::deserialize::row::ColumnIterator;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::serialize::SerializationError;
use std::ops::Range;
use std::sync::Arc;

#[derive(Debug)]
struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the values are not as many as the statement has, or end too early")
    }
}

impl std::error::Error for Malformed {}

/// The values of one execution in a buffer that all of a submit share.
#[derive(Clone)]
pub struct Bound {
    pub buffer: Arc<[u8]>,
    pub range: Range<usize>,
}

fn take<'a>(from: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    if from.len() < size {
        return None;
    }
    let (head, tail) = from.split_at(size);
    *from = tail;
    Some(head)
}

fn take_value<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let size = i32::from_be_bytes(take(from, 4)?.try_into().ok()?);
    match usize::try_from(size) {
        Ok(size) => Some(Some(take(from, size)?)),
        Err(_) => Some(None),
    }
}

/// Where each of `count` executions stands in the buffer; None when it is not made of exactly that many.
pub fn cut(buffer: &[u8], count: usize) -> Option<Vec<Range<usize>>> {
    let mut rest = buffer;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = buffer.len() - rest.len();
        let values = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        for _ in 0..values {
            take_value(&mut rest)?;
        }
        ranges.push(begin..buffer.len() - rest.len());
    }
    rest.is_empty().then_some(ranges)
}

impl SerializeRow for Bound {
    fn serialize(
        &self,
        context: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> Result<(), SerializationError> {
        let malformed = || SerializationError::new(Malformed);
        let mut rest = self.buffer.get(self.range.clone()).ok_or_else(malformed)?;
        let count = take(&mut rest, 2).ok_or_else(malformed)?;
        if usize::from(u16::from_be_bytes([count[0], count[1]])) != context.columns().len() {
            return Err(malformed());
        }
        for _ in context.columns() {
            match take_value(&mut rest).ok_or_else(malformed)? {
                Some(bytes) => {
                    writer.make_cell_writer().set_value(bytes).map_err(|_| malformed())?;
                }
                None => {
                    writer.make_cell_writer().set_null();
                }
            }
        }
        Ok(())
    }
    fn is_empty(&self) -> bool {
        self.buffer.get(self.range.clone()).is_none_or(|bytes| bytes.starts_with(&[0, 0]))
    }
}

/// Rows as one run of values.
#[derive(Default)]
pub struct Rows {
    pub bytes: Vec<u8>,
    pub count: u32,
}

impl Rows {
    pub fn put(&mut self, value: Option<&[u8]>) {
        let size = value.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.bytes.extend_from_slice(&size.to_be_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }
    pub fn append(&mut self, other: &Rows) {
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
    }
}

/// The rows of an answer; none for an answer that is not made of rows. Err says what is wrong with it.
pub fn rows_of(result: QueryResult) -> Result<Rows, String> {
    let mut rows = Rows::default();
    if !result.is_rows() {
        return Ok(rows);
    }
    let result = result.into_rows_result().map_err(|error| error.to_string())?;
    let all = result.rows::<ColumnIterator>().map_err(|error| error.to_string())?;
    for row in all {
        for column in row.map_err(|error| error.to_string())? {
            let column = column.map_err(|error| error.to_string())?;
            rows.put(column.slice.map(|slice| slice.as_slice()));
        }
        rows.count += 1;
    }
    Ok(rows)
}
