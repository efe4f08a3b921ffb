//! An emulator of AWS to test against, shared by all tests. Each test has an account of its own there, and tables
//! made from `infra/template.yaml`.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use serde::Deserialize;

/// How to reach the emulator, as an account that nobody else uses; none when there is none.
pub(crate) fn account() -> Option<SdkConfig> {
    let endpoint = outside::emulator()?;
    // An access key of twelve digits is an account of the emulator.
    let account = format!("{:012}", fastrand::u64(100_000_000_000..1_000_000_000_000));
    // Of signatures it checks those of presigned requests; this is the secret of every account.
    let credentials = Credentials::new(account, "test", None, None, "test");
    let configuration = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Some(configuration)
}

/// Makes a table as the template declares it under this name, and answers the name.
pub(crate) async fn make_table(client: &aws_sdk_dynamodb::Client, name: &str) -> String {
    let template: Template = serde_saphyr::from_str(include_str!("../../../../infra/template.yaml"))
        .expect("the template has the tables");
    let table = match name {
        "CellTable" => template.resources.cell,
        "ControlTable" => template.resources.control,
        "RelocationsTable" => template.resources.relocations,
        other => panic!("{other} is none of the template's tables"),
    };
    let definitions = table.properties.attribute_definitions.into_iter().map(AttributeDefinition::from);
    let indexes = table.properties.global_secondary_indexes.into_iter().map(GlobalSecondaryIndex::from);
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(table.properties.key_schema.into_iter().map(KeySchemaElement::from).collect()))
        .set_attribute_definitions(Some(definitions.collect()))
        .set_global_secondary_indexes(Some(indexes.collect()))
        .send()
        .await
        .expect("the table is made");
    name.to_owned()
}

#[derive(Deserialize)]
struct Template {
    #[serde(rename = "Resources")]
    resources: Resources,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(rename = "CellTable")]
    cell: Table,
    #[serde(rename = "ControlTable")]
    control: Table,
    #[serde(rename = "RelocationsTable")]
    relocations: Table,
}

#[derive(Deserialize)]
struct Table {
    #[serde(rename = "Properties")]
    properties: TableProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<KeyElement>,
    global_secondary_indexes: Vec<Index>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: IndexProjection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexProjection {
    projection_type: String,
}

impl From<Attribute> for AttributeDefinition {
    fn from(attribute: Attribute) -> Self {
        let kind = ScalarAttributeType::from(attribute.attribute_type.as_str());
        let definition = Self::builder().attribute_name(attribute.attribute_name).attribute_type(kind);
        definition.build().expect("a definition has a name and a type")
    }
}

impl From<KeyElement> for KeySchemaElement {
    fn from(element: KeyElement) -> Self {
        let kind = KeyType::from(element.key_type.as_str());
        let element = Self::builder().attribute_name(element.attribute_name).key_type(kind);
        element.build().expect("a key has a name and a type")
    }
}

impl From<Index> for GlobalSecondaryIndex {
    fn from(index: Index) -> Self {
        let kind = ProjectionType::from(index.projection.projection_type.as_str());
        Self::builder()
            .index_name(index.index_name)
            .set_key_schema(Some(index.key_schema.into_iter().map(KeySchemaElement::from).collect()))
            .projection(Projection::builder().projection_type(kind).build())
            .build()
            .expect("an index has a name, keys and a projection")
    }
}
